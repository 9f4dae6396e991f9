#include "factsweep/mpi/mailbox.hpp"

#include <algorithm>

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
  int sent = 0;
  checked(MPI_Test(&under_way_.at(index), &sent, MPI_STATUS_IGNORE), "send a short message");
  if (sent == 0) return false;
  copies_[index].assign(message.begin(), message.end());
  checked(MPI_Isend(copies_[index].data(), static_cast<int>(bytes_), MPI_BYTE, to, kLetterTag,
                  comm_.handle(), &under_way_[index]),
        "send a short message");
  return true;
}

bool Mailbox::is_sent() {
  int all = 0;
  checked(MPI_Testall(static_cast<int>(under_way_.size()), under_way_.data(), &all,
                      MPI_STATUSES_IGNORE),
          "send short messages");
  return all != 0;
}

void Mailbox::give_up(int rank) {
  under_way_.at(static_cast<std::size_t>(rank)) = MPI_REQUEST_NULL;
}

std::optional<Mailbox::Letter> Mailbox::fetch() {
  int found = 0;
  MPI_Message message = MPI_MESSAGE_NULL;
  MPI_Status status;
  checked(MPI_Improbe(MPI_ANY_SOURCE, kLetterTag, comm_.handle(), &found, &message, &status),
        "look for a short message");
  if (found == 0) return std::nullopt;
  Letter letter{status.MPI_SOURCE, std::vector<std::byte>(bytes_)};
  checked(MPI_Mrecv(letter.bytes.data(), static_cast<int>(bytes_), MPI_BYTE, &message,
                  MPI_STATUS_IGNORE),
        "receive a short message");
  return letter;
}

}  // namespace factsweep
