#include "apps/tersegrad/train/match.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <sstream>

#include "apps/tersegrad/theory/theory.hpp"
#include "tersegrad/compress/compressor.hpp"
#include "tersegrad/core/error.hpp"
#include "tersegrad/core/text/spec.hpp"
#include "tersegrad/core/text/text.hpp"

namespace tersegrad {
namespace {

/// "key=value,…"; a value may hold ':' but no ','.
std::map<std::string, std::string> read_pairs(const std::string& text) {
  std::map<std::string, std::string> pairs;
  std::istringstream pieces(text);
  for (std::string piece; std::getline(pieces, piece, ',');) {
    const std::size_t equals = piece.find('=');
    TERSEGRAD_CHECK(equals != std::string::npos && equals > 0, "--match has '", piece,
                    "' (write method=dsgd,lr=0.1,batch=64,agents=4)");
    const bool fresh = pairs.emplace(piece.substr(0, equals), piece.substr(equals + 1)).second;
    TERSEGRAD_CHECK(fresh, "--match gives ", piece.substr(0, equals), " twice");
  }
  return pairs;
}

struct BaseRun {
  std::string method;
  Hyperparameters values;
};

BaseRun read_base(const std::string& text) {
  auto pairs = read_pairs(text);
  const auto take = [&](const std::string& key) {
    const auto found = pairs.find(key);
    TERSEGRAD_CHECK(found != pairs.end(), "--match lacks ", key,
                    "=… of the base run (write method=dsgd,lr=0.1,batch=64,agents=4)");
    std::string value = found->second;
    pairs.erase(found);
    return value;
  };
  const auto number = [&](const std::string& key, double low) {
    const std::string value = take(key);
    double real = 0;
    TERSEGRAD_CHECK(parse_real(value, real) && std::isfinite(real) && real >= low && real > 0, "--match has ", key, "=",
                    value, " (must be a number ", low > 0 ? "from 1" : "above 0", ")");
    return real;
  };
  BaseRun base;
  base.method = take("method");
  TERSEGRAD_CHECK(base.method == "dsgd" || base.method == "dcsgd" || base.method == "dsignsgd", "--match has method=",
                  base.method, " (known: dsgd, dcsgd, dsignsgd)");
  base.values.lr = number("lr", 0);
  base.values.batch = number("batch", 1);
  base.values.agents = number("agents", 1);
  TERSEGRAD_CHECK(base.values.agents == std::floor(base.values.agents), "--match has a fraction of an agent");
  if (base.method == "dcsgd") {
    if (pairs.count("omega")) {
      const std::string value = take("omega");
      TERSEGRAD_CHECK(
          parse_real(value, base.values.omega) && std::isfinite(base.values.omega) && base.values.omega >= 0,
          "--match has omega=", value, " (must be a number from 0)");
    } else {
      base.values.omega = compressor_omega(take("compressor"), 0);
    }
  }
  TERSEGRAD_CHECK(pairs.empty(), "--match has an unknown or unfitting '", pairs.empty() ? "" : pairs.begin()->first,
                  "' (known: method, lr, batch, agents; with method=dcsgd compressor or omega)");
  return base;
}

bool is_sign(const std::string& compressor) { return Spec::parse(compressor).name == "sign"; }

}  // namespace

std::string match(TrainConfig& config, const std::string& text, const std::vector<Quantity>& named) {
  const BaseRun base = read_base(text);
  const auto is_named = [&](Quantity quantity) {
    return std::find(named.begin(), named.end(), quantity) != named.end();
  };
  // Without --compressor DSignSGD stays itself; the others are solved for the compressor, or keep the base's omega.
  const bool sign = is_named(Quantity::omega) ? is_sign(config.compressor) : base.method == "dsignsgd";
  TERSEGRAD_CHECK(sign == (base.method == "dsignsgd"), "--match: no rule connects ", base.method, " with compressor '",
                  config.compressor, "' (DSGD and DCSGD scale into each other, DSignSGD into itself)");
  Hyperparameters wanted = base.values;
  if (is_named(Quantity::lr)) wanted.lr = config.lr;
  if (is_named(Quantity::batch))
    wanted.batch = static_cast<double>(config.batch == 0 ? config.noise_batch : config.batch);
  if (is_named(Quantity::agents)) wanted.agents = static_cast<double>(config.agents);
  if (is_named(Quantity::omega) && !sign) wanted.omega = compressor_omega(config.compressor, 0);

  const auto unknown = quantity_to_solve(named, sign);
  TERSEGRAD_CHECK(unknown.has_value(), "--match has nothing to choose (leave out one of --lr, --batch, --agents",
                  sign ? ")" : ", --compressor)");
  std::unique_ptr<ScalingRule> rule;
  if (sign) {
    rule = std::make_unique<SignRule>();
  } else {
    rule = std::make_unique<CompressedRule>(CompressedRule::many_agents());
  }
  const double answer = rule->solve(base.values, wanted, *unknown);
  set_quantity(wanted, *unknown, runnable(*unknown, answer));

  config.lr = wanted.lr;
  (config.batch == 0 ? config.noise_batch : config.batch) = static_cast<std::int64_t>(std::llround(wanted.batch));
  config.agents = static_cast<std::int64_t>(wanted.agents);
  if (!is_named(Quantity::omega)) {
    config.compressor = sign ? "sign" : wanted.omega == 0 ? "none" : concat("randk:", 1 / (1 + wanted.omega));
  }

  const bool plain = !sign && base.values.omega == 0 && wanted.omega == 0;
  std::string said = concat("--match ", text, "\n  rule: ",
                            plain ? std::string("kappa / (alpha delta) = 1 (Proposition 3.5)") : rule->text(), "\n");
  if (!sign && !plain) said += "  " + compressed_rule_row(base.values, wanted, *unknown) + "\n";
  said += concat("  chosen: ", quantity_name(*unknown), " ", format_number(quantity_of(wanted, *unknown), 6));
  if (*unknown == Quantity::omega) said += concat(" (compressor ", config.compressor, ")");
  if (quantity_of(wanted, *unknown) != answer) said += concat(", rounded up from ", format_number(answer, 6));
  said += concat("; this run: lr ", format_number(config.lr, 6), ", batch ", wanted.batch, ", ", config.agents,
                 " agents, compressor ", config.compressor, "\n");
  if (std::min(base.values.agents, wanted.agents) < 10 && !plain) {
    said += concat("  the rule is for N >> 1, and N is ", std::min(base.values.agents, wanted.agents),
                   ": tersegrad scale --exact says by how much it is off\n");
  }
  return said;
}

}  // namespace tersegrad
