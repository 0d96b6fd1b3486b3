extension ImageDataset {
  /// Some of the images, as many of one class as of another as far as there are, spread evenly over each class's; all
  /// where more are asked for.
  ///
  /// - Parameter images: at least 1.
  package func spread(_ images: Int) -> any ImageDataset {
    var places: [[Int32]] = Array(repeating: [], count: classNames.count)
    for index in 0..<count { places[label(index)].append(Int32(index)) }
    var quotas = Array(repeating: 0, count: places.count)
    var left = min(images, count)
    while left > 0 {
      let open = places.indices.filter { quotas[$0] < places[$0].count }
      let share = left / open.count
      if share == 0 {
        for number in 0..<left { quotas[open[number * open.count / left]] += 1 }
        break
      }
      for label in open {
        let more = min(share, places[label].count - quotas[label])
        quotas[label] += more
        left -= more
      }
    }
    let chosen = zip(places, quotas).flatMap { places, quota in
      (0..<quota).map { places[$0 * places.count / quota] }
    }
    return ImageSubset(self, chosen.sorted())
  }
}
