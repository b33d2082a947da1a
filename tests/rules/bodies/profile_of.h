#pragma once

#include <gtest/gtest.h>

#include <string>

#include "rules/profile/profile_file.h"

namespace rules {

/// The profile that these lines of a file of rules make.
inline Profile profile_of(const std::string& toml)
{
    const auto book = read_rules({{"test", "[profile.ci]\n" + toml}});
    EXPECT_TRUE(book) << book.error().message;
    return book ? *book->find("ci") : Profile{};
}

}  // namespace rules
