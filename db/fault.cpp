#ifdef BERTH_FAULTS

#include "db/fault.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <thread>

namespace db {
namespace {

struct Order {
    long left = 0;
    std::string act;
};

Order order_in(const std::string& file)
{
    Order order;
    std::ifstream(file) >> order.left >> order.act;
    return order;
}

/// At once, so that no reader sees a part of it.
void write(const std::string& file, const std::string& text)
{
    std::ofstream(file + ".new") << text << std::flush;
    std::rename((file + ".new").c_str(), file.c_str());
}

}  // namespace

void fault_point(std::string_view when, std::string_view what)
{
    static const char* const file = std::getenv("BERTH_FAULTS");
    if (!file) return;
    static std::mutex mutex;
    static std::string last;  // step that was no commit: what is committed belongs to it
    const std::scoped_lock lock(mutex);
    std::string name = std::string(when) + ' ' + std::string(what);
    if (what == "commit")
        name += " (" + last + ')';
    else
        last = name;
    Order order = order_in(file);
    if (order.left <= 0) return;
    write(file, std::to_string(--order.left) + ' ' + order.act);
    if (order.left > 0) return;
    write(std::string(file) + ".step", name);
    if (order.act == "end") std::_Exit(70);
    while (order_in(file).act == "wait") std::this_thread::sleep_for(std::chrono::milliseconds(10));
}

}  // namespace db

#endif
