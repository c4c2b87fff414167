# tersegrad::torch: LibTorch, from the system (Debian) or from an unpacked Python wheel (TERSEGRAD_TORCH_WHEEL).
find_package(Torch REQUIRED)
add_library(tersegrad_torch INTERFACE)
add_library(tersegrad::torch ALIAS tersegrad_torch)
target_link_libraries(tersegrad_torch INTERFACE ${TORCH_LIBRARIES})
target_include_directories(tersegrad_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
separate_arguments(tersegrad_torch_flags UNIX_COMMAND "${TORCH_CXX_FLAGS}")
target_compile_options(tersegrad_torch INTERFACE ${tersegrad_torch_flags})
