#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/host/beneath.h"
#include "broker/io/io.h"

namespace broker {

/// The service manager that started this process: systemd, or whoever speaks its protocol. It is told how we are,
/// passes sockets on which it listened for us, and keeps those that shall outlive us. Without one every member does
/// nothing.
///
/// Source: sd_notify(3), sd_listen_fds(3), systemd.service(5) FileDescriptorStoreMax=.
class Supervisor {
public:
    /// Takes over the descriptors that were passed, and takes the variables that tell of them out of the environment.
    Supervisor();

    /// The descriptor that was passed under `name`, the first of them; none (-1) when there is none.
    File take(std::string_view name);

    /// Has `descriptor` kept under `name` (no colon, no control character) until it is dropped, for whoever is started
    /// next. False when there is nobody who keeps it.
    bool keep(int descriptor, const std::string& name);
    /// What is kept under `name` is closed.
    void drop(const std::string& name);
    /// Closes and drops all that was passed and that nobody took.
    void drop_rest();

    /// We serve, or can do no more for it now; `status` is what `systemctl status` shows.
    void ready(const std::string& status);
    /// The rules or the configuration are being read again; ends with ready().
    void reloading();
    void stopping();

    /// Shows every half of the asked time that the I/O thread still turns; returns at once when nobody asks.
    Task<> feed_watchdog();

private:
    std::vector<std::pair<std::string, File>> passed_;
};

}  // namespace broker
