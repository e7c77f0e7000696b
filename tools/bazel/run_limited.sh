#!/bin/bash
# Runs a test on no better instruction set than the first argument names. Where the processor has none
# that is better than AVX2, that would be the test itself once more.
if [[ $1 == AVX2 ]] && ! grep -qw avx512vl /proc/cpuinfo; then
  echo "no instruction set beyond $1"
  exit 0
fi
export BITALE_MAX_CPU_ISA=$1
shift
exec "$@"
