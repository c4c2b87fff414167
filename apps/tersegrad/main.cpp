// tersegrad: training, its runs compared, theory. Benchmarks and the paper's figures are programs beside it.
#include "apps/common/program.hpp"

int main(int argc, char** argv) { return tersegrad::run_program(argc, argv); }
