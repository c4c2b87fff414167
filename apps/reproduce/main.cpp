// tersegrad-reproduce: what `tersegrad reproduce` starts.
#include "apps/common/program.hpp"

int main(int argc, char** argv) { return tersegrad::run_program_of("reproduce", argc, argv); }
