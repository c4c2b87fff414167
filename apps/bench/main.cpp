// tersegrad-bench: what `tersegrad bench` starts.
#include "apps/common/program.hpp"

int main(int argc, char** argv) { return tersegrad::run_program_of("bench", argc, argv); }
