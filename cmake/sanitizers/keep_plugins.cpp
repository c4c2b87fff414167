// In programs that LeakSanitizer or ThreadSanitizer watches. Open MPI unloads its plug-ins before the leaks are looked
// for, and what they leave then has no library's name that a suppression could match; ThreadSanitizer ends the program
// when a library that a suppression names goes. So nothing is unloaded. Weak, as every sanitized target brings it.
extern "C" __attribute__((weak)) int dlclose(void*) noexcept { return 0; }
