// Makes the shared library a plug-in. In the tree (src/tersegrad/compress/methods/) block_sign.cpp alone is enough.
#include "tersegrad/core/plugin.hpp"

TERSEGRAD_PLUGIN("block-sign", "1.0")
