// How often each byte occurs, and what that says about compressibility.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace press {

class Histogram {
 public:
  explicit Histogram(std::string_view text);

  std::uint64_t count(unsigned char byte) const { return counts_[byte]; }
  int distinct() const;

  // Shannon's entropy in bits a byte: the best that a code which looks at one byte
  // at a time can do. 0 for an empty text, at most 8.
  double entropy() const;

 private:
  std::array<std::uint64_t, 256> counts_{};
  std::uint64_t total_ = 0;
};

}  // namespace press
