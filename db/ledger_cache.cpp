#include "db/ledger_state.h"

// The host's cache of images, in the ledger.
namespace db {

void Ledger::put(const Cached& cached)
{
    state_->connection.run(
        "INSERT INTO cached (image, name, profile, used) VALUES (?, ?, ?, ?) ON CONFLICT (image, name) DO UPDATE SET"
        " used = max(used, excluded.used), profile = iif(excluded.profile = '', profile, excluded.profile)",
        cached.image, cached.name, cached.profile, cached.used);
}

void Ledger::end_pull(const std::string& name)
{
    uncache({}, name);
}

void Ledger::touch_cached(const std::string& what, Seconds at)
{
    state_->connection.run("UPDATE cached SET used = ?1 WHERE used < ?1 AND image <> '' AND (image = ?2 OR name = ?2)", at,
                           what);
}

void Ledger::uncache(const std::string& image, const std::string& name)
{
    state_->connection.run("DELETE FROM cached WHERE image = ? AND name = ?", image, name);
}

std::vector<Cached> Ledger::cached() const
{
    Rows rows = state_->connection.query("SELECT image, name, profile, used FROM cached ORDER BY used, image, name");
    std::vector<Cached> list;
    while (rows.next()) list.push_back({rows.text(0), rows.text(1), rows.text(2), rows.integer(3)});
    return list;
}

bool Ledger::is_cached(const std::string& image, const std::string& name) const
{
    return state_->connection.query("SELECT 1 FROM cached WHERE image = ? AND name = ?", image, name).next();
}

bool Ledger::is_unkept(const std::string& image, const std::string& name) const
{
    return state_->connection.query("SELECT 1 FROM cached WHERE image = ? AND name = ? AND profile = ''", image, name).next();
}

bool Ledger::is_host_image(const std::string& id) const
{
    return state_->connection.query("SELECT 1 FROM host_images WHERE image = ?", id).next();
}

std::optional<std::set<std::string>> Ledger::host_images() const
{
    if (!state_->connection.query("SELECT 1 FROM program WHERE host_seen <> 0").next()) return std::nullopt;
    Rows rows = state_->connection.query("SELECT image FROM host_images");
    std::set<std::string> ids;
    while (rows.next()) ids.insert(rows.text(0));
    return ids;
}

void Ledger::add_host_images(const std::set<std::string>& ids, Seconds at)
{
    for (const std::string& id : ids)
        state_->connection.run("INSERT INTO host_images (image) VALUES (?) ON CONFLICT DO NOTHING", id);
    state_->connection.run("UPDATE program SET host_seen = ? WHERE host_seen = 0", at);
}

void Ledger::remove_host_image(const std::string& id)
{
    state_->connection.run("DELETE FROM host_images WHERE image = ?", id);
}

}  // namespace db
