// Compression with zlib, as strings.
#pragma once

#include <string>
#include <string_view>

namespace press {

// The zlib level in use: 1 is fastest, 9 packs best.
int compression_level();

// Packs text. Throws std::runtime_error when zlib reports an error.
std::string compress(std::string_view text);

// Unpacks what compress made of a text of original_size bytes. Throws
// std::runtime_error when packed is damaged or of another size.
std::string decompress(std::string_view packed, std::size_t original_size);

}  // namespace press
