#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "bench/request.h"

namespace bench {

/// What a connection does once the answer is sent.
enum class After {
    next,      ///< wait for the next request
    echo,      ///< send back what comes
    sink,      ///< read to the end, then send the number of bytes read and close
    source,    ///< send the agreed number of bytes and close
    download,  ///< the same, as chunks of the answer's body
    events,    ///< stay, and be told what happens
};

struct Answer {
    std::string bytes;
    After after = After::next;
    std::string filter = {};  ///< of After::events: the query's filters, unescaped
};

struct Event {
    std::string action;
    std::string line;  ///< JSON

    /// Whether one who asked with that filter is told. Only the filter by `event` is looked at.
    bool wanted_by(std::string_view filter) const;
};

/// The answers of dockerd 28.5 (recorded), with ids, names and labels filled in. Every create succeeds and gets a new
/// id.
///
/// A container's `Cmd` says what its stream does: `["echo"]`, `["sink"]` or `["source"]`.
class Answers {
public:
    /// `record` is the folder with the recorded texts. Throws std::runtime_error when one is missing.
    explicit Answers(const std::string& record);

    Answer to(const Request& request);

    /// What has happened since the last call.
    std::vector<Event> take_events() { return std::exchange(events_, {}); }

private:
    struct Made {
        std::string id;
        std::string name;
        std::string labels;  ///< JSON object
        bool gone = false;
    };

    Answer containers(const Request& request, std::string_view rest);
    Answer networks(const Request& request, std::string_view rest);
    Answer images(const Request& request, std::string_view rest) const;
    Answer execs(const Request& request, std::string_view rest) const;
    std::string list() const;
    std::string network(const Made& made) const;
    void note(std::string_view action, const Made& made);

    struct Part {
        std::string_view name;
        std::string_view value;
    };
    std::string text(std::string_view name, std::initializer_list<Part> parts = {}) const;

    std::map<std::string, std::string, std::less<>> texts_;
    std::string ping_;
    std::string ping_head_;
    std::vector<Made> containers_;
    std::vector<Made> networks_;
    std::size_t first_ = 0;  ///< of the containers that are listed
    std::uint64_t execs_ = 0;
    std::vector<Event> events_;
};

/// True for the requests whose body is a stream that nobody keeps.
bool is_upload(std::string_view method, std::string_view path);

/// Unlike dockerd's, it tells the number of bytes that came, so that the other end can know that none were lost.
Answer uploaded(std::uint64_t bytes);

}  // namespace bench
