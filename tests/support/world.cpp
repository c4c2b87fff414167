#include "support/world.hpp"

namespace tersegrad::testing {
namespace {

thread_local const FaultyWire::Damage* damage = nullptr;

}  // namespace

FaultyWire::FaultyWire(Damage given) : damage_(std::move(given)) { damage = &damage_; }
FaultyWire::~FaultyWire() { damage = nullptr; }
const FaultyWire::Damage* FaultyWire::current() { return damage; }

}  // namespace tersegrad::testing
