#include "broker/shown_list.h"

#include "broker/relay.h"

namespace broker {
namespace {

using rules::Json;

class ShownList final : public Elements {
public:
    ShownList(Call& call, rules::ListView& view, std::string_view member) : call_(call), view_(view), member_(member)
    {
        out_ = member.empty() ? "[" : "{\"" + std::string(member) + "\":[";
    }

    bool learns() const override { return view_.learns(); }

    void learn(std::string_view list, const Json& element) override
    {
        if (list == member_) view_.learn(element);
    }

    void take(std::string_view list, Json element) override
    {
        if (list != member_) return;
        if (const auto seen = view_.show(std::move(element))) add(*seen);
    }

    Task<> between() override
    {
        if (!turn_) {
            Lock::Held held = co_await call_.job.large_answer.hold();
            turn_.emplace(std::move(held));
        }
        if (out_.size() < piece_size) co_return;
        if (!call_.client.answered()) co_await call_.client.begin(200, "application/json");
        call_.client.deadline = Clock::now() + reply_limit;
        co_await call_.client.piece(out_);
        call_.client.deadline = Clock::time_point::max();
        out_.clear();
    }

    Task<> finish()
    {
        for (const Json& each : view_.rest()) add(each);
        out_ += member_.empty() ? "]\n" : "],\"Warnings\":[]}\n";
        if (!call_.client.answered()) {
            co_await call_.client.reply(200, "application/json", out_);
            co_return;
        }
        co_await call_.client.piece(out_);
        co_await call_.client.end();
    }

private:
    static constexpr std::size_t piece_size = std::size_t{16} << 10;

    void add(const Json& element)
    {
        if (!std::exchange(is_first_, false)) out_ += ',';
        out_ += element.dump(-1, ' ', false, Json::error_handler_t::replace);
    }

    Call& call_;
    rules::ListView& view_;
    std::string member_;
    std::string out_;
    bool is_first_ = true;
    std::optional<Lock::Held> turn_;  ///< of a long list
};

}  // namespace

Task<> show_list(Call& call, const EngineRequest& request, rules::ListView& view, std::string_view member)
{
    ShownList list(call, view, member);
    co_await ask_list(call, request, list);
    co_await list.finish();
}

}  // namespace broker
