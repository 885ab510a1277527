// Answers requests of the HTTP API and of function URLs, which send the same payload, version 2.0.

export const handler = async ({ rawPath, requestContext }) => {
  if (requestContext.http.method === "GET" && rawPath === "{{path}}") {
    console.log("asked how it is");
    return answer(200, { status: "ok" });
  }
  return answer(404, { status: "not found" });
};

const answer = (statusCode, body) => ({
  statusCode,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(body),
});
