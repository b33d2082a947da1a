#include "db/sqlite.h"

namespace db {

namespace {

/// Never with the bound values: they are a job's text.
[[noreturn]] void fail(sqlite3* handle, std::string_view sql)
{
    const int code = sqlite3_extended_errcode(handle);
    const std::string message = std::string("SQLite: ") + sqlite3_errmsg(handle) + " (" + std::to_string(code) + ") in " +
                                std::string(sql.substr(0, 80));
    switch (code & 0xff) {
        case SQLITE_CORRUPT:
        case SQLITE_NOTADB:
            throw Damaged(message);
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_BUSY:
            throw Unusable(message);
        default:
            throw Failure(message);
    }
}

[[noreturn]] void fail(sqlite3_stmt* statement)
{
    fail(sqlite3_db_handle(statement), sqlite3_sql(statement));
}

}  // namespace

void Rows::Reset::operator()(sqlite3_stmt* statement) const
{
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
}

bool Rows::next()
{
    switch (sqlite3_step(statement_.get())) {
        case SQLITE_ROW:
            return true;
        case SQLITE_DONE:
            return false;
        default:
            fail(statement_.get());
    }
}

std::string Rows::text(int column) const
{
    const auto* bytes = reinterpret_cast<const char*>(sqlite3_column_text(statement_.get(), column));
    if (!bytes) return {};
    return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

Connection::Connection(const std::filesystem::path& file)
{
    sqlite3* handle = nullptr;
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    const int code = sqlite3_open_v2(file.c_str(), &handle, flags, nullptr);
    handle_.reset(handle);  // SQLite gives one on failure too
    if (code != SQLITE_OK) throw Failure("cannot open " + file.string() + ": " + sqlite3_errstr(code));
}

void Connection::script(const std::string& sql)
{
    if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) fail(handle_.get(), sql);
}

void Connection::rollback() noexcept
{
    if (in_transaction()) sqlite3_exec(handle_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void check(Connection& connection)
{
    Rows rows = connection.query("PRAGMA quick_check(1)");
    if (!rows.next() || rows.text(0) != "ok") throw Damaged("SQLite finds it damaged: " + rows.text(0));
}

sqlite3_stmt* Connection::prepared(std::string_view sql)
{
    auto& statement = statements_[sql];
    if (!statement) {
        sqlite3_stmt* made = nullptr;
        const int code = sqlite3_prepare_v3(handle_.get(), sql.data(), static_cast<int>(sql.size()),
                                            SQLITE_PREPARE_PERSISTENT, &made, nullptr);
        if (code != SQLITE_OK) fail(handle_.get(), sql);
        statement.reset(made);
    }
    return statement.get();
}

void Connection::bind(sqlite3_stmt* statement, int index, std::int64_t value)
{
    if (sqlite3_bind_int64(statement, index, value) != SQLITE_OK) fail(statement);
}

void Connection::bind(sqlite3_stmt* statement, int index, std::string_view value)
{
    const char* bytes = value.data() ? value.data() : "";  // a null pointer would be NULL
    if (sqlite3_bind_text64(statement, index, bytes, value.size(), SQLITE_STATIC, SQLITE_UTF8) != SQLITE_OK)
        fail(statement);
}

}  // namespace db
