// A short tour of fmt: numbers, alignment, containers, errors.

#include <map>
#include <string>
#include <vector>

#include "fmt/core.h"
#include "fmt/ranges.h"

int main() {
  fmt::print("{} has {} letters\n", "replibuild", std::string("replibuild").size());
  fmt::print("|{:<8}|{:^8}|{:>8}|\n", "left", "middle", "right");
  fmt::print("{0:d} = {0:#x} = {0:#o} = {0:#b}\n", 42);
  fmt::print("pi is about {:.3f}\n", 3.14159);
  fmt::print("{}\n", std::vector<int>{1, 2, 3});
  fmt::print("{}\n", std::map<std::string, int>{{"one", 1}, {"two", 2}});
  try {
    fmt::print(fmt::runtime("{:d}\n"), "not a number");
  } catch (const fmt::format_error& e) {
    fmt::print("caught: {}\n", e.what());
  }
}
