// Workspaces for any number of threads: a call takes one and brings it back.
#pragma once

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace imi {

template <typename Workspace>
class Pool {
public:
    class Loan {
    public:
        explicit Loan(Pool& pool) : pool_(pool) {
            {
                const std::lock_guard lock(pool.mutex_);
                if (!pool.idle_.empty()) {
                    workspace_ = std::move(pool.idle_.back());
                    pool.idle_.pop_back();
                }
            }
            if (!workspace_) workspace_ = std::make_unique<Workspace>();
        }
        ~Loan() {
            const std::lock_guard lock(pool_.mutex_);
            pool_.idle_.push_back(std::move(workspace_));
        }
        Loan(const Loan&) = delete;
        Loan& operator=(const Loan&) = delete;
        Workspace* operator->() { return workspace_.get(); }

    private:
        Pool& pool_;
        std::unique_ptr<Workspace> workspace_;
    };

private:
    std::mutex mutex_;
    std::vector<std::unique_ptr<Workspace>> idle_;
};

}  // namespace imi
