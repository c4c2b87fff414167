// In programs that LeakSanitizer watches. Open MPI unloads its plug-ins before the leaks are looked for, and what they
// leave then has no library's name that a suppression could match: so nothing is unloaded. Weak, as every target that is
// sanitized brings it.
extern "C" __attribute__((weak)) int dlclose(void*) noexcept { return 0; }
