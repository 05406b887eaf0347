// press [FILE…]: says how well each file can be compressed; without a file, how
// well a text of its own can.

#include <exception>
#include <fstream>
#include <iostream>
#include <iterator>
#include <stdexcept>
#include <string>

#include "press/report.h"
#include "press/sample.h"

namespace {

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw std::runtime_error("cannot read " + path);
  }
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 2) {
      press::report(std::cout, "a shepherd's diary", press::sample_text());
    }
    for (int i = 1; i < argc; ++i) {
      press::report(std::cout, argv[i], read_file(argv[i]));
    }
  } catch (const std::exception& e) {
    std::cerr << "press: " << e.what() << '\n';
    return 1;
  }
}
