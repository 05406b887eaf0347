#include "press/codec.h"

#include <zlib.h>

#include <stdexcept>

namespace press {

namespace {

constexpr int level = 1;

void check(int status, const char* what) {
  if (status != Z_OK) {
    throw std::runtime_error(std::string(what) + ": zlib error " + std::to_string(status));
  }
}

const Bytef* bytes(std::string_view s) { return reinterpret_cast<const Bytef*>(s.data()); }
Bytef* bytes(std::string& s) { return reinterpret_cast<Bytef*>(s.data()); }

}  // namespace

int compression_level() { return level; }

std::string compress(std::string_view text) {
  uLongf size = compressBound(text.size());
  std::string packed(size, '\0');
  check(compress2(bytes(packed), &size, bytes(text), text.size(), level), "compress");
  packed.resize(size);
  return packed;
}

std::string decompress(std::string_view packed, std::size_t original_size) {
  uLongf size = original_size;
  std::string text(original_size, '\0');
  check(uncompress(bytes(text), &size, bytes(packed), packed.size()), "decompress");
  if (size != original_size) {
    throw std::runtime_error("decompress: the text is shorter than expected");
  }
  return text;
}

}  // namespace press
