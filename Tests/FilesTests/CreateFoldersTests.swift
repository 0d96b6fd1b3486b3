import Files
import Foundation
import TestSupport
import Testing

@Suite("Folders are made, or it is said why not")
struct CreateFoldersTests {
  @Test("folders and those they lie in, as often as asked")
  func deep() throws {
    try withTemporaryFolder { folder in
      for path in ["\(folder)/a/b/c", "\(folder)/a/b/c/", "\(folder)//d//e//", folder, "/", "."] {
        try createFolders(path)
        try createFolders(path)
        var isFolder: ObjCBool = false
        #expect(FileManager.default.fileExists(atPath: path, isDirectory: &isFolder))
        #expect(isFolder.boolValue, "\(path)")
      }
    }
  }

  @Test("a file in the way is called one")
  func files() throws {
    try withTemporaryFolder { folder in
      try Data().write(to: URL(fileURLWithPath: "\(folder)/file"))
      for (path, code) in [
        ("\(folder)/file", EEXIST), ("\(folder)/file/x", ENOTDIR), ("/dev/null/x/y", ENOTDIR),
        ("", ENOENT),
      ] {
        #expect(throws: FileError("create", path, code: code)) { try createFolders(path) }
      }
    }
  }
}
