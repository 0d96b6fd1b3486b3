import Files
import Foundation
import MXRuntime
import TestSupport
import Testing

@Suite("How many processors a process may use")
struct ProcessorCountTests {
  @Test(
    "the list of those it may run on is counted",
    arguments: [("0", 1), ("0-3,8", 5), ("2-2", 1), ("0-1,4-7,63", 7)])
  func allowed(list: String, count: Int) {
    let status = "Name:\tx\nCpus_allowed:\tff\nCpus_allowed_list:\t\(list)\nMems_allowed:\t1\n"
    #expect(ProcessorCount.allowed(status: status) == count)
  }

  @Test(
    "no list, or one that makes no sense, bounds nothing", arguments: ["", "x", "5-2", "-", "1-"])
  func nonsense(list: String) {
    #expect(ProcessorCount.allowed(status: "Cpus_allowed_list:\t\(list)\n") == nil)
    #expect(ProcessorCount.allowed(status: "Name:\tx\n") == nil)
  }

  @Test("the smallest share of time that a control group grants binds, in either version")
  func quota() throws {
    try withTemporaryFolder { root in
      let write = writer(below: root)
      try write("a/cpu.max", "150000 100000\n")
      try write("a/b/cpu.max", "max 100000\n")
      try write("cpu/c/cpu.cfs_quota_us", "-1\n")
      try write("cpu/c/cpu.cfs_period_us", "100000\n")
      try write("cpu/cpu.cfs_quota_us", "200000\n")
      try write("cpu/cpu.cfs_period_us", "50000\n")
      func quota(_ groups: String) -> Double? { ProcessorCount.quota(groups, root: root) }
      #expect(quota("0::/a\n") == 1.5 && quota("0::/a/b\n") == 1.5)
      #expect(quota("0::/b\n") == nil && quota("") == nil)
      #expect(quota("3:cpu,cpuacct:/c\n1:memory:/a\n") == 4)
      #expect(quota("3:cpu,cpuacct:/c\n0::/a\n") == 1.5)
    }
  }
}
