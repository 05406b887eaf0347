#include "press/histogram.h"

#include <algorithm>
#include <cmath>

namespace press {

Histogram::Histogram(std::string_view text) : total_(text.size()) {
  for (unsigned char byte : text) {
    ++counts_[byte];
  }
}

int Histogram::distinct() const {
  return static_cast<int>(std::count_if(counts_.begin(), counts_.end(), [](auto n) { return n > 0; }));
}

double Histogram::entropy() const {
  double bits = 0;
  for (auto n : counts_) {
    if (n > 0) {
      const double p = static_cast<double>(n) / static_cast<double>(total_);
      bits -= p * std::log2(p);
    }
  }
  return bits;
}

}  // namespace press
