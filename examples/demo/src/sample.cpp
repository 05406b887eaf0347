#include "press/sample.h"

#include <array>
#include <cstdint>

namespace press {

namespace {

constexpr std::array weathers = {"rain", "sun", "fog", "snow", "hail", "a warm wind", "nothing much"};
constexpr std::array places = {"by the river", "on the hill", "under the oak", "near the mill", "behind the barn"};
constexpr std::array moods = {"content", "restless", "asleep", "suspicious of the dog", "busy with clover"};

// A linear congruential generator: small, and equal everywhere.
class Dice {
 public:
  template <class List>
  auto pick(const List& list) {
    state_ = state_ * 1664525u + 1013904223u;
    return list[(state_ >> 16) % list.size()];
  }

 private:
  std::uint32_t state_ = 20240501u;
};

}  // namespace

std::string sample_text() {
  Dice dice;
  std::string text;
  for (int day = 1; day <= 250; ++day) {
    text += "Day " + std::to_string(day) + ": " + dice.pick(weathers) + " in the morning, ";
    text += std::to_string(day % 17 + 3) + std::string(" sheep ") + dice.pick(places);
    text += std::string(", most of them ") + dice.pick(moods) + ".\n";
  }
  return text;
}

}  // namespace press
