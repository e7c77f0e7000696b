#!/bin/bash
# Runs a test on no better instruction set than the first argument names.
export BITALE_MAX_CPU_ISA=$1
shift
exec "$@"
