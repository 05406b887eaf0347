#include "press/report.h"

#include <algorithm>
#include <iomanip>
#include <stdexcept>

#include "press/codec.h"
#include "press/histogram.h"
#include "press/words.h"

namespace press {

namespace {

constexpr std::size_t bar_width = 40;
constexpr std::size_t top_words = 3;

std::string bar(std::size_t part, std::size_t whole) {
  const std::size_t filled = whole == 0 ? 0 : std::min(bar_width, part * bar_width / whole);
  return std::string(filled, '#') + std::string(bar_width - filled, '.');
}

void line(std::ostream& out, const char* label, std::size_t bytes, std::size_t whole) {
  out << "  " << std::left << std::setw(10) << label << '[' << bar(bytes, whole) << "] " << bytes << " bytes\n";
}

void print_top_words(std::ostream& out, std::string_view text) {
  const auto words = count_words(text);
  out << "  words     " << words.size() << " different;";
  for (std::size_t i = 0; i < std::min(top_words, words.size()); ++i) {
    out << ' ' << words[i].word << " (" << words[i].count << ")";
  }
  out << '\n';
}

}  // namespace

void report(std::ostream& out, const std::string& name, std::string_view text) {
  const std::string packed = compress(text);
  if (decompress(packed, text.size()) != text) {
    throw std::runtime_error(name + " did not survive compression");
  }
  const Histogram histogram(text);
  out << name << ", packed by zlib at level " << compression_level() << '\n';
  line(out, "original", text.size(), text.size());
  line(out, "packed", packed.size(), text.size());
  out << std::fixed << std::setprecision(2) << "  entropy   " << histogram.entropy() << " bits a byte over "
      << histogram.distinct() << " different bytes\n";
  print_top_words(out, text);
}

}  // namespace press
