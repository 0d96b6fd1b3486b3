/// How the process was started, as the environment tells.
package struct Launch: Equatable {
  /// What starts several processes.
  package let launcher: String
  /// How many.
  package let count: Int
  /// Which of them this one is.
  package let rank: Int

  /// What the variables of the launchers say; nil where there is one process.
  package init?(_ environment: [String: String]) {
    func number(_ variable: String) -> Int? { environment[variable].flatMap { Int($0) } }
    for (launcher, countVariable, rankVariable) in [
      ("Open MPI's mpirun", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK"),
      ("MPICH's mpirun", "PMI_SIZE", "PMI_RANK"),
      ("srun", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID"),
    ] {
      if let count = number(countVariable), count > 1 {
        (self.launcher, self.count) = (launcher, count)
        rank = number(rankVariable) ?? 0
        return
      }
    }
    return nil
  }

  /// How many of the processes run on this machine; nil where no launcher says so.
  package static func ranksOfThisMachine(_ environment: [String: String]) -> Int? {
    ["OMPI_COMM_WORLD_LOCAL_SIZE", "MPI_LOCALNRANKS", "SLURM_NTASKS_PER_NODE"].lazy
      .compactMap { environment[$0].flatMap { Int($0) } }.first { $0 > 0 }
  }
}
