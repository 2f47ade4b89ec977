"""Uses `writ mcp` by the Model Context Protocol's own client, over standard input and output and over HTTP."""

import asyncio
import base64
import hashlib
import json
import sys

import httpx2
from mcp import ClientSession, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp_types import Implementation


def proven(proof):
    """Whether the hashes lead from the entry to the root (RFC 6962, section 2.1.1), by nothing of Writ's."""
    place = proof["place"]
    entry = base64.b64decode(place["entry"])
    node = hashlib.sha256(b"\0" + entry).digest()
    if node != base64.b64decode(place["leaf"]) or proof["evidence_bundle_hash"].encode() not in entry:
        return False
    at, last = place["index"], place["size"] - 1
    for other in map(base64.b64decode, place["proof"]):
        if at & 1 or at == last:
            node = hashlib.sha256(b"\1" + other + node).digest()
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            node = hashlib.sha256(b"\1" + node + other).digest()
        at, last = at >> 1, last >> 1
    return last == 0 and node == base64.b64decode(place["root"])


async def use(streams):
    """Everything that one client asks."""
    async with ClientSession(*streams, client_info=Implementation(name="a client", version="1.0")) as session:
        await session.initialize()
        listed = (await session.list_tools()).tools
        told = {"tools": [tool.name for tool in listed]}

        async def call(tool, **arguments):
            # The client holds each answer against the schema that the tool was described with.
            return await session.call_tool(tool, arguments)

        drift = (await call("drift")).structured_content
        told["failing"] = [check["check"] for check in drift["failing"]]
        told["verified"] = drift["basis"]["verified"]
        closed = (await call("incidents", status="closed")).structured_content
        bundle = closed["incidents"][0]["evidence"][-1]["bundle_id"]
        told["proven"] = proven((await call("evidence", bundle=bundle)).structured_content["proof"])
        for tool in ("controls", "coverage"):
            assert (await call(tool, limit=3)).structured_content["tool"] == tool
        assert (await call("explain", id="file.motd")).structured_content["signed"]
        told["refused"] = (await call("controls", site="../../etc")).is_error
        try:
            await call("run_runbook", runbook="RB-FILE-001")
            told["unknown"] = False
        except MCPError:
            told["unknown"] = True
        if "propose_plan" in told["tools"]:
            plan = {"site": "clinic-001", "appliance": "front-desk", "check": "file.motd", "runbooks": ["RB-FILE-001"]}
            proposed = await call("propose_plan", reason="It drifted.", **plan)
            told["proposed"] = proposed.structured_content["proposal"]["id"]
        return told


async def main(asked):
    server = StdioServerParameters(command=asked["command"], args=asked["args"])
    async with stdio_client(server) as streams:
        stdio = await use(streams)
    headers = {"Authorization": "Bearer " + asked["token"]}
    async with httpx2.AsyncClient(headers=headers) as client:
        async with streamable_http_client(asked["url"], http_client=client) as streams:
            http = await use(streams)
    print(json.dumps({"stdio": stdio, "http": http}))


asyncio.run(main(json.loads(sys.argv[1])))
