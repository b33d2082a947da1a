#pragma once

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "broker/io/io.h"
#include "db/store.h"
#include "rules/names/lookup.h"

namespace broker {

/// What one job has: its rows of the ledger in memory, with the indexes that requests need. Memory and ledger change together, here.
///
/// A row is written as `intended` before the engine is asked, and `live` before the client learns the id. References resolve among live
/// rows only; names are taken by intended rows too.
/// An image has a row for each reference under which the job knows it, and one without a name for an image that has none.
class Objects final : public rules::Lookup {
public:
    /// `next_row` is common to all jobs.
    Objects(std::string key, db::Store& store, std::int64_t& next_row);

    /// Takes over what the ledger has, at the start of the program.
    void restore(std::vector<db::Object> rows);

    std::int64_t new_row() { return ++next_row_; }
    /// Records that `object` is about to be made; returns its row, a new one where it has none.
    Task<std::int64_t> intend(db::Object object);
    /// The engine made it under `id`.
    Task<> live(std::int64_t row, std::string id);
    /// Records an object that is there already.
    Task<> adopt(db::Object object);
    /// Volumes without a name that the engine made with the container `id`: from now on they are the job's. `inspect`: of the container.
    Task<> adopt_volumes(std::string id, rules::Json inspect);
    Task<> rename(std::int64_t row, std::string name, std::string real);
    Task<> gone(std::int64_t row);
    /// As `gone`, without waiting for the ledger: a row that stays there longer only costs the reap a 404.
    void forget(std::int64_t row);

    /// The container `id` is on the job's networks and none of its objects: a step of a build, or what an operator put there. The ledger keeps
    /// the id, among what is gone, for the job's end.
    void remember(std::string id);

    /// The engine has removed the object: its rows go, and those of a container's execs.
    void destroyed(rules::Kind kind, const std::string& id);

    std::string_view key() const override { return key_; }
    rules::Result<rules::Named> container(std::string_view reference) const override;
    rules::Result<rules::Named> network(std::string_view reference) const override;
    rules::Result<rules::Named> volume(std::string_view name) const override;
    rules::Result<rules::Named> image(std::string_view reference) const override;
    rules::Result<rules::Named> exec(std::string_view id) const override;
    const rules::Named* by_id(rules::Kind kind, std::string_view id) const override;
    std::vector<std::string> references_of(std::string_view image_id) const override;
    bool is_pulled(std::string_view reference) const override;
    bool is_pushed(std::string_view reference, std::int64_t moment) const override;
    const rules::JobPaths& paths() const override { return paths_; }
    /// A push has the public name `reference` for itself, until it has ended. The last ones are remembered, as long as the program runs.
    void begin_push(std::string reference);
    void end_push(std::string_view reference);
    void set_paths(rules::JobPaths paths)
    {
        paths.door = std::move(paths_.door);
        paths_ = std::move(paths);
    }
    void set_door(std::string door) { paths_.door = std::move(door); }

    /// The object of `kind` that `reference` means.
    rules::Result<rules::Named> resolve(rules::Kind kind, std::string_view reference) const;

    /// The row called `name`, intended or live; nullptr when the name is free.
    const db::Object* named(rules::Kind kind, std::string_view name) const;
    const db::Object* with_id(rules::Kind kind, std::string_view id) const;
    const db::Object* at(std::int64_t row) const;
    std::vector<db::Object> all() const;
    std::vector<db::Object> all(rules::Kind kind) const;
    /// Those that the engine knows by `id`: of an image a row for each name.
    std::vector<db::Object> all(rules::Kind kind, const std::string& id) const;
    std::size_t count(rules::Kind kind) const;
    /// How many of `kind` the job asked for: without its default network, volumes that stand for paths, and steps of builds.
    std::size_t requested(rules::Kind kind) const { return requested_.at(static_cast<std::size_t>(kind)); }

private:
    struct Entry {
        db::Object object;
        rules::Named named;
    };
    /// (kind, id or name) in order, so that prefixes of ids are neighbours.
    using Index = std::multimap<std::pair<rules::Kind, std::string>, std::int64_t>;

    struct Push {
        std::string reference;
        std::int64_t begin, end;  ///< nanoseconds since 1970
    };

    void put(db::Object object);
    void erase(std::int64_t row);
    static void unindex(Index& index, rules::Kind kind, const std::string& text, std::int64_t row);
    const Entry* live_by_name(rules::Kind kind, std::string_view name) const;
    const Entry* live_by_id(rules::Kind kind, std::string_view id) const;
    /// Distinct ids that begin with `prefix`: the only one's entry, and how many there are (up to 2).
    std::pair<const Entry*, int> live_by_prefix(rules::Kind kind, std::string_view prefix) const;

    std::string key_;
    db::Store& store_;
    std::int64_t& next_row_;
    std::unordered_map<std::int64_t, Entry> rows_;
    Index by_id_;
    Index by_name_;
    std::array<std::size_t, 6> requested_{};  ///< by kind
    std::deque<Push> pushes_;
    rules::JobPaths paths_;
};

}  // namespace broker
