#include "rules/result.h"

namespace rules {
namespace {

/// A refused value may be megabytes; people and the ledger need its beginning.
std::string beginning(std::string value)
{
    constexpr std::size_t enough = 200;
    if (value.size() <= enough) return value;
    std::size_t end = enough;
    while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0) == 0x80) --end;  // never inside a UTF-8 sequence
    return value.substr(0, end) + "...";
}

}  // namespace

tl::unexpected<Error> denied(std::string rule, std::string field, std::string value, const std::string& way_out)
{
    std::string message = "berth: " + field + " is refused by rule \"" + rule + "\": " + way_out;
    return tl::unexpected(
        Error{403, std::move(message), std::move(rule), std::move(field), beginning(std::move(value)), way_out});
}

}  // namespace rules
