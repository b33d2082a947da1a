#pragma once

#include <span>
#include <string_view>

#include "rules/json.h"
#include "rules/model.h"
#include "rules/result.h"

namespace rules {

/// What becomes of a field or a query parameter that a client sends.
enum class Disposition : std::uint8_t {
    pass,     ///< goes on as it is (its type was checked)
    check,    ///< goes on when a rule of its endpoint agrees
    rewrite,  ///< names become real names or ids, paths become translated ones
    force,    ///< berth writes its own value, whatever was sent
    drop,     ///< left out silently: it changes nothing that the client could notice
    deny,     ///< refused by name unless its value is zero (then left out)
    forbid,   ///< refused by name unless it is null or absent: here even an empty list means something
};

/// A JSON type, as strict as Go's: an integer is 64 bits wide and never spelled `1.0`.
enum class Type : std::uint8_t {
    boolean,
    integer,
    text,
    text_list,
    text_or_list,  ///< a text alone is a list of one (Cmd, Entrypoint, Shell); admit gives the list
    text_map,
    integer_list,
    object,
    object_list,
    object_map,
    object_list_map,  ///< PortBindings
    any,
};

struct Schema;

struct Field {
    std::string_view name;  ///< exactly as the engine's published schema spells it
    Type type;
    Disposition disposition;
    const Schema* inside = nullptr;  ///< of object, object_list, object_map, object_list_map
    std::string_view rule = {};      ///< of deny and forbid: the rule's name
    std::string_view way_out = {};   ///< of deny and forbid: what the user can do instead
    Version since = {};              ///< engines of an older API do not honour it, nor say so
    std::size_t most = 0;            ///< elements of a list, keys of a map; 0: elements_max
    bool long_texts = false;         ///< its texts, keys and values of a map too, may be longer than text_max
};

inline constexpr std::size_t elements_max = 4096;           ///< of a list, keys of a map, unless its field says otherwise
inline constexpr std::size_t text_max = std::size_t{8} << 10;  ///< bytes of a text of most fields: they are looked into
inline constexpr std::size_t keys_max = 512;                ///< of an object of the API, known or not
inline constexpr std::size_t kept_max = std::size_t{512} << 10;  ///< bytes of all texts in what is admitted: the engine and the ledger keep them

/// Every property of one object of the API. A key that is not here is refused by name unless its value is zero.
struct Schema {
    std::string_view name;
    std::span<const Field> fields;
};

/// `body` as our own canonical JSON: known keys, right types, denied and dropped and forced fields gone, null fields left out.
///
/// 400 for a wrong type, for too many elements or keys, for a text that is too long, or for a key that only Go's case folding would match to a field;
/// 413 for texts beyond kept_max; 403 for denied and unknown fields (rule `unknown-field`). Null among the values of a map is the empty value, as in
/// Go.
Result<Json> admit(Json body, const Schema& schema);

/// 400 for a field of an admitted body that an engine of API `engine` would pass over in silence. (Fields that engines pass over by the version of
/// the request are not meant: there the client asked for an API that does not have them.)
Result<void> check_since(const Json& body, const Schema& schema, Version engine);
/// The refusal: `name` needs an engine of API `since`.
tl::unexpected<Error> too_new(const std::string& name, Version since, Version engine);

}  // namespace rules
