"""Run by vLLM's Python: reads answers with the plug-in as vLLM's serving code does, with no model.

Standard input has one answer per line (`raw`, `prefill`, `tools`, `dialect`, `reasons`), standard
output what each becomes: whole, and streamed in several cuts.
"""

import json
import os
import sys
from random import Random
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import ChatCompletionRequest
from vllm.parser import ParserManager
from vllm.reasoning import ReasoningParserManager
from vllm.tokenizers import get_tokenizer
from vllm.tool_parsers import ToolParserManager

CUTS = 4


def main(plugin: str, folder: str) -> None:
    ToolParserManager.import_tool_parser(plugin)
    ReasoningParserManager.import_reasoning_parser(plugin)
    tokenizers: dict[str, Any] = {}
    for line in sys.stdin:
        answer = json.loads(line)
        name = answer["dialect"]
        if name not in tokenizers:  # the plug-in looks at each tokenizer once
            os.environ["TOOLGATE_DIALECT"] = name
            tokenizers[name] = get_tokenizer(folder)
        print(json.dumps(read(answer, tokenizers[name])), flush=True)


def read(answer: dict[str, Any], tokenizer: Any) -> dict[str, Any]:
    kind = ParserManager.get_parser(
        tool_parser_name="toolgate",
        reasoning_parser_name="toolgate" if answer["reasons"] else None,
        enable_auto_tools=True,
        tokenizer=tokenizer,
    )

    def open_parser() -> Any:
        return kind(tokenizer, request.tools, chat_template_kwargs={}, model_config=None)

    request = ChatCompletionRequest(messages=[], tools=answer["tools"] or None)
    request = open_parser().adjust_request(request)
    prompt = tokenizer.encode("hi " + answer["prefill"], add_special_tokens=False)
    whole = open_parser()
    whole.set_prompt_token_ids(prompt)  # all that a later one of `n` answers is told
    reasoning, content, calls = whole.parse(answer["raw"], request, enable_auto_tools=True)
    told = [[call.name, call.arguments] for call in calls or []]
    return {
        "special": [request.skip_special_tokens, request.include_stop_str_in_output],
        "whole": [reasoning or "", content or "", told],
        "streamed": [
            stream(open_parser(), request, prompt, cut(answer["raw"], Random(seed)))
            for seed in range(CUTS)
        ],
    }


def cut(text: str, dice: Random) -> list[str]:
    pieces = [""]
    for character in text:
        if dice.random() < 0.4:
            pieces.append("")
        pieces[-1] += character
    return pieces


def stream(parser: Any, request: Any, prompt: list[int], pieces: list[str]) -> list[Any]:
    said = {"reasoning": "", "content": ""}
    calls: list[list[str]] = []
    for place, piece in enumerate(pieces, 1):
        delta = parser.parse_delta(
            piece, [0], request, prompt_token_ids=prompt, finished=place == len(pieces)
        )
        if delta is None:
            continue
        for key in said:
            said[key] += getattr(delta, key) or ""
        for call in delta.tool_calls:
            if call.function.name is not None:
                assert call.index == len(calls)
                assert call.id
                calls.append([call.function.name, ""])
            calls[call.index][1] += call.function.arguments
    return [said["reasoning"], said["content"], calls]


if __name__ == "__main__":
    main(*sys.argv[1:])
