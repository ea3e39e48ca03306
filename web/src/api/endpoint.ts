// Where the server is. Relative to the page, which may lie below a path of a reverse proxy.

export const endpoint = new URL('graphql', document.baseURI);

export const socketEndpoint = new URL(endpoint);
socketEndpoint.protocol = socketEndpoint.protocol.replace('http', 'ws');
