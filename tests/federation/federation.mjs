// Federates a live server with a second subgraph, and joins both ways through Apollo Gateway.
//
//   node federation.mjs http://127.0.0.1:8080/graphql
//
// The second subgraph is `Team`: it extends Cluster and Deployment, which fleetgraph owns, with the team that runs
// them, and a team leads back to its clusters and deployments. The server must have a cluster and a deployment.

import { LocalGraphQLDataSource, ApolloGateway, RemoteGraphQLDataSource } from '@apollo/gateway';
import { composeServices } from '@apollo/composition';
import { buildSubgraphSchema } from '@apollo/subgraph';
import { ApolloServer } from '@apollo/server';
import { parse } from 'graphql';

const url = process.argv[2] ?? process.env.FLEETGRAPH_URL;
if (!url) {
  console.error('usage: node federation.mjs URL');
  process.exit(2);
}

let passed = 0;
const failures = [];
function check(what, holds, seen) {
  if (holds) {
    passed += 1;
  } else {
    failures.push(`${what}: ${JSON.stringify(seen)}`);
  }
}

async function ask(query, variables) {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  return response.json();
}

const live = await ask('{ _service { sdl } clusters { id } allDeployments { id name cluster { id } } }');
const sdl = live.data._service.sdl;
const clusters = live.data.clusters.map(({ id }) => id);
const deployments = live.data.allDeployments;
if (clusters.length === 0 || deployments.length === 0) {
  console.error('the server has no cluster or no deployment to join');
  process.exit(2);
}

const teamSdl = `
  extend schema @link(url: "https://specs.apollo.dev/federation/v2.5", import: ["@key"])
  type Query { teams: [Team!]! team(id: ID!): Team }
  type Team @key(fields: "id") { id: ID! name: String! clusters: [Cluster!]! deployments: [Deployment]! }
  type Cluster @key(fields: "id") { id: ID! team: Team }
  type Deployment @key(fields: "id") { id: ID! team: Team }
`;
const gone = [`${clusters[0]}:default:no-such-deployment`, 'no-such-cluster:default:x', 'nonsense'];
const teams = {
  platform: { id: 'platform', name: 'Platform', clusterIds: clusters, deploymentIds: deployments.map(({ id }) => id) },
  haunted: { id: 'haunted', name: 'Haunted', clusterIds: [], deploymentIds: [gone[0], deployments[0].id, gone[1], gone[2]] },
};
const team = ({ id, name }) => ({ id, name, __typename: 'Team' });
const teamSchema = buildSubgraphSchema({
  typeDefs: parse(teamSdl),
  resolvers: {
    Query: { teams: () => Object.values(teams).map(team), team: (_, { id }) => teams[id] && team(teams[id]) },
    Team: {
      __resolveReference: ({ id }) => teams[id] && team(teams[id]),
      clusters: ({ id }) => teams[id].clusterIds.map((cluster) => ({ id: cluster })),
      deployments: ({ id }) => teams[id].deploymentIds.map((deployment) => ({ id: deployment })),
    },
    Cluster: { __resolveReference: ({ id }) => ({ id }), team: () => team(teams.platform) },
    Deployment: { __resolveReference: ({ id }) => ({ id }), team: () => team(teams.platform) },
  },
});

const composed = composeServices([
  { name: 'fleetgraph', url, typeDefs: parse(sdl) },
  { name: 'teams', url: 'http://127.0.0.1:1/teams', typeDefs: parse(teamSdl) },
]);
if (composed.errors?.length) {
  for (const error of composed.errors) console.error(error.message);
  process.exit(1);
}
const owners = composed.supergraphSdl.match(/type Cluster\b[^{]*/)?.[0] ?? '';
check('the supergraph has Cluster from both', /FLEETGRAPH/.test(owners) && /TEAMS/.test(owners), owners);

// Without a gateway in between: places are kept, and what is missing is null without an error.
const representations = [gone[0], deployments[0].id, gone[2]].map((id) => ({ __typename: 'Deployment', id }));
const direct = await ask(
  'query ($r: [_Any!]!) { _entities(representations: $r) { ... on Deployment { id } } }',
  { r: representations },
);
check(
  'a missing entity is null in its place',
  JSON.stringify(direct) === JSON.stringify({ data: { _entities: [null, { id: deployments[0].id }, null] } }),
  direct,
);

let entityCalls = [];
class Counted extends RemoteGraphQLDataSource {
  async process(options) {
    if (options.request.query.includes('_entities')) entityCalls.push(options.request.variables.representations.length);
    return super.process(options);
  }
}
const gateway = new ApolloGateway({
  supergraphSdl: composed.supergraphSdl,
  buildService: ({ name }) =>
    name === 'fleetgraph' ? new Counted({ url }) : new LocalGraphQLDataSource(teamSchema),
});
const server = new ApolloServer({ gateway, includeStacktraceInErrorResponses: false });
async function federated(query) {
  entityCalls = [];
  const { body } = await server.executeOperation({ query });
  return body.singleResult;
}

// From fleetgraph to the other subgraph.
const forth = await federated('{ clusters { id name team { name } } allDeployments { id team { id } } }');
check('clusters and deployments have teams', !forth.errors, forth.errors);
check('every cluster has its team', forth.data?.clusters.every((c) => c.team?.name === 'Platform'), forth.data?.clusters);
check('every deployment has its team', forth.data?.allDeployments.every((d) => d.team?.id === 'platform'), forth.data);

// From the other subgraph to fleetgraph.
const back = await federated(
  '{ team(id: "platform") { clusters { id name status { ready } } deployments { id name replicas pods { id name } } } }',
);
check('a team leads to its clusters and deployments', !back.errors, back.errors);
check('clusters are filled', back.data?.team.clusters.every((c) => c.name && c.status.ready), back.data?.team.clusters);
const names = back.data?.team.deployments.map((d) => d?.name);
check('deployments are filled', JSON.stringify(names) === JSON.stringify(deployments.map((d) => d.name)), names);
check(
  'one call for each type, with all representations',
  entityCalls.length <= 2 && entityCalls.includes(deployments.length),
  entityCalls,
);

// A missing entity is null, and does not void the rest.
const haunted = await federated('{ team(id: "haunted") { name deployments { id name replicas } } }');
const found = haunted.data?.team?.deployments ?? [];
check('the team stands', haunted.data?.team?.name === 'Haunted', haunted);
check('the one that exists is filled', found.some((d) => d?.name === deployments[0].name), found);
check('the missing ones are not', found.filter((d) => d?.name).length === 1, found);

// Both ways in one operation.
const round = await federated(`{ clusters { id team { deployments { id cluster { id team { name } } } } } }`);
check('a round trip', !round.errors && round.data.clusters[0].team.deployments[0].cluster.team.name === 'Platform', round);

await server.stop();
for (const line of failures) console.log(line);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 ? 0 : 1);
