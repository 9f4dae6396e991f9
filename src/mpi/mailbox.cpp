#include "factsweep/mpi/mailbox.hpp"

#include <algorithm>

#include "ended.hpp"
#include "factsweep/core/error.hpp"

namespace factsweep {
namespace {

constexpr int kLetterTag = 1;

void checked(int code, const char* attempted) {
  if (code != MPI_SUCCESS) throw EnvironmentError(std::string("MPI: cannot ") + attempted + ".");
}

}  // namespace

Mailbox::Mailbox(const Communicator& parent, std::size_t bytes)
    : comm_(parent.duplicate()),
      bytes_(bytes),
      under_way_(static_cast<std::size_t>(comm_.size()), MPI_REQUEST_NULL),
      copies_(under_way_.size()) {}

bool Mailbox::post(int to, std::span<const std::byte> message) {
  require(message.size() == bytes_, "Mailbox::post: a message of another length");
  const auto index = static_cast<std::size_t>(to);
  if (has_ended(comm_.handle(), to)) return true;
  if (!is_sent(under_way_.at(index))) return false;
  copies_[index].assign(message.begin(), message.end());
  const int code = MPI_Isend(copies_[index].data(), static_cast<int>(bytes_), MPI_BYTE, to,
                             kLetterTag, comm_.handle(), &under_way_[index]);
  if (!met_ended_rank(code)) checked(code, "send a short message");
  return true;
}

bool Mailbox::is_sent(MPI_Request& request) {
  int sent = 0;
  const int code = MPI_Test(&request, &sent, MPI_STATUS_IGNORE);
  if (met_ended_rank(code)) {
    request = MPI_REQUEST_NULL;
    return true;
  }
  checked(code, "send a short message");
  return sent != 0;
}

bool Mailbox::is_sent() {
  return std::all_of(under_way_.begin(), under_way_.end(),
                     [this](MPI_Request& request) { return is_sent(request); });
}

void Mailbox::give_up(int rank) {
  under_way_.at(static_cast<std::size_t>(rank)) = MPI_REQUEST_NULL;
}

std::optional<Mailbox::Letter> Mailbox::fetch() {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  int code = MPI_Improbe(MPI_ANY_SOURCE, kLetterTag, comm_.handle(), &found, &message, &status);
  if (met_ended_rank(code)) {
    search_among_others(comm_.handle());
    return std::nullopt;
  }
  checked(code, "look for a short message");
  if (found == 0) return std::nullopt;
  Letter letter{status.MPI_SOURCE, std::vector<std::byte>(bytes_)};
  code = MPI_Mrecv(letter.bytes.data(), static_cast<int>(bytes_), MPI_BYTE, &message,
                   MPI_STATUS_IGNORE);
  if (met_ended_rank(code)) return std::nullopt;
  checked(code, "receive a short message");
  return letter;
}

std::vector<int> Mailbox::ended_ranks() const {
  return factsweep::ended_ranks(comm_.handle());
}

}  // namespace factsweep
