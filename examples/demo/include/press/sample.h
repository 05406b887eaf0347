// A text to press when no file is given.
#pragma once

#include <string>

namespace press {

// About 20 KB of a sheep counter's diary: the same on every machine.
std::string sample_text();

}  // namespace press
