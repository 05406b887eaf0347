// Words of a text, and how often each occurs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace press {

struct WordCount {
  std::string word;  // in lower case
  int count = 0;
};

// All words, most frequent first, equally frequent ones in alphabetical order. A
// word is a run of letters.
std::vector<WordCount> count_words(std::string_view text);

}  // namespace press
