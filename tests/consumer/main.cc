#include <cstdio>

#include "bitale.h"

int main() { std::puts("bitale"); }
