#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "db/failure.h"

namespace db {

/// The rows of a running statement, which is free again when this goes.
///
/// Errors: next() throws Failure.
class Rows {
public:
    explicit Rows(sqlite3_stmt* statement) : statement_(statement) {}

    /// Goes to the next row, at first to the first; false: there is none.
    bool next();
    std::int64_t integer(int column) const { return sqlite3_column_int64(statement_.get(), column); }
    std::string text(int column) const;

private:
    struct Reset {
        void operator()(sqlite3_stmt* statement) const;
    };
    std::unique_ptr<sqlite3_stmt, Reset> statement_;
};

/// An SQLite connection that prepares each statement once.
///
/// Values are bound, never written into the SQL. `sql` of query() and run() is a literal: it stays the key of the
/// prepared statement. Thread: one at a time, without a lock. Errors: all members but rollback() throw Failure, or what of it says more
/// (db/failure.h).
class Connection {
public:
    /// Opens `file`, which exists, or a database in memory for ":memory:".
    explicit Connection(const std::filesystem::path& file);

    /// Rows of `sql`. Text among the values must live as long as the rows.
    template <class... Values>
    [[nodiscard]] Rows query(std::string_view sql, const Values&... values)
    {
        sqlite3_stmt* const statement = prepared(sql);
        Rows rows(statement);
        int index = 0;
        (bind(statement, ++index, values), ...);
        return rows;
    }

    /// Runs `sql`, which yields no rows; how many rows it changed.
    template <class... Values>
    std::int64_t run(std::string_view sql, const Values&... values)
    {
        while (query(sql, values...).next()) {
        }
        return sqlite3_changes64(handle_.get());
    }

    /// Runs any number of statements that take no values, unprepared.
    void script(const std::string& sql);

    /// How many rows were ever changed.
    std::int64_t changes() const { return sqlite3_total_changes64(handle_.get()); }
    bool in_transaction() const { return sqlite3_get_autocommit(handle_.get()) == 0; }
    /// Ends a transaction, if there is one; if that fails the next one cannot begin.
    void rollback() noexcept;

private:
    sqlite3_stmt* prepared(std::string_view sql);
    static void bind(sqlite3_stmt* statement, int index, std::int64_t value);
    static void bind(sqlite3_stmt* statement, int index, std::string_view value);

    struct Close {
        void operator()(sqlite3* handle) const { sqlite3_close_v2(handle); }
    };
    struct Finalize {
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };
    std::unique_ptr<sqlite3, Close> handle_;
    std::unordered_map<std::string_view, std::unique_ptr<sqlite3_stmt, Finalize>> statements_;
};

/// Reads the whole database. Damaged when a page of it is not what it should be.
void check(Connection& connection);

}  // namespace db
