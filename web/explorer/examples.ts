// The tabs that the explorer opens with when it is opened for the first time.

export const EXAMPLES = [
  `# All clusters at once: how they are, and how
# current fleetgraph's copy of each kind is.
query Fleet {
  clusters {
    id
    version
    nodeCount
    health { status lastContact }
    freshness { kind state ageSeconds }
  }
}
`,
  `# What is not as it is wanted, the worst first,
# with the counts of all that match.
query Broken {
  resources(
    first: 20
    filter: { health: [DEGRADED, MISSING, PROGRESSING] }
    orderBy: { field: HEALTH, direction: DESC }
  ) {
    totalCount
    facets(by: NAMESPACE) { value count }
    nodes { id kind health { status reason } }
    pageInfo { endCursor hasNextPage }
  }
}
`,
  `# From pods to what they run on, to what sends
# them traffic, and to what owns them.
query NotReady {
  allPods(filter: { ready: false }) {
    id
    phase
    reason
    node { name ready }
    services { name }
    ownedBy { kind name }
  }
}
`,
  `# Changes as they happen, until it is stopped.
subscription PodChanges {
  podEvents {
    type
    timestamp
    reason
    pod { id phase nodeName }
  }
}
`,
];
