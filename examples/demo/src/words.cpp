#include "press/words.h"

#include <algorithm>
#include <cctype>
#include <map>

namespace press {

std::vector<WordCount> count_words(std::string_view text) {
  std::map<std::string, int> counts;
  std::string word;
  auto flush = [&] {
    if (!word.empty()) {
      ++counts[word];
      word.clear();
    }
  };
  for (unsigned char c : text) {
    if (std::isalpha(c)) {
      word += static_cast<char>(std::tolower(c));
    } else {
      flush();
    }
  }
  flush();

  std::vector<WordCount> all;
  for (const auto& [name, count] : counts) {
    all.push_back({name, count});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
    return a.count != b.count ? a.count > b.count : a.word < b.word;
  });
  return all;
}

}  // namespace press
