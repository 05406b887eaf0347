// What press says about a text.
#pragma once

#include <ostream>
#include <string>
#include <string_view>

namespace press {

// Packs text, unpacks it again to be sure, and prints what came out. Throws
// std::runtime_error when the text does not survive the trip.
void report(std::ostream& out, const std::string& name, std::string_view text);

}  // namespace press
