#pragma once

#include <type_traits>
#include <utility>

#include "rules/result.h"

namespace broker {

/// A request that goes no further: thrown wherever that is found out, answered in one place in Docker's form.
struct Refused {
    rules::Error error;
};

/// The value, or the end of the request.
template <class T>
T or_refuse(rules::Result<T> result)
{
    if (!result) throw Refused{std::move(result.error())};
    if constexpr (!std::is_void_v<T>) return std::move(*result);
}

}  // namespace broker
