#include <iostream>

int main() { std::cout << "hello from make and VSCode\n"; }
