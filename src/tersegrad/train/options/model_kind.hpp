// The two kinds of models that --model names.
#pragma once

#include <string>

namespace tersegrad {

/// A network learns rows of a data set; a landscape is a function whose exact gradient all agents share.
enum class ModelKind { network, landscape };

/// A landscape where the name is registered as one (theory/landscapes), else a network, whose name nobody has looked at yet.
/// \param model  as --model spells it: vit:patch=7, quadratic:2,1x9 \throws Error for a spelling that is no plug-in's
ModelKind model_kind(const std::string& model);

}  // namespace tersegrad
