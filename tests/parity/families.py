"""One tiny random model of each supported family, every switch of the family on in at least one configuration.

make_transformers_references.py stores what transformers computes with them, transformers_live.py compares at once.
"""

import copy

import torch
import transformers

SIZES = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
         "intermediate_size": 40, "max_position_embeddings": 64}  # fmt: skip
GPT = {"vocab_size": 96, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 64}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16}
GEMMA = {**SIZES, "head_dim": 12, "query_pre_attn_scalar": 20, "sliding_window": 6}
LLAMA3 = {"rope_type": "llama3", "rope_theta": 1000.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 16}  # fmt: skip
LONGROPE = {"rope_type": "longrope", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "short_factor": [1.1, 1.7], "long_factor": [2.5, 6.0]}
HALF = {"rope_type": "default", "rope_theta": 3000.0, "partial_rotary_factor": 0.5}
SLIDING = ["sliding_attention", "full_attention", "sliding_attention", "full_attention"]
FALCON = {"vocab_size": 96, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
MPT = {"vocab_size": 96, "d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 128}
IDS = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None}

# family: (class, keys, {variant: other keys}). A variant shares the weights; "" is the family's config.json.
FAMILIES = {
    "llama": ("LlamaForCausalLM", {**SIZES, "attention_bias": True, "mlp_bias": True, "hidden_act": "gelu_new", "head_dim": 12}, {
        "dynamic": {"rope_parameters": {"rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}, "max_position_embeddings": 16},
        "yarn": {"rope_parameters": YARN},
        "yarn-exact": {"rope_parameters": {**YARN, "truncate": False, "beta_fast": 4.0, "beta_slow": 0.5, "mscale": 0.7,
                                           "mscale_all_dim": 0.3}},
    }),
    "mistral": ("MistralForCausalLM", {**SIZES, "head_dim": 12, "sliding_window": 6}, {"full": {"sliding_window": None}}),
    "ministral": ("MinistralForCausalLM", {**SIZES, "head_dim": 12, "sliding_window": 6,
                                           "layer_types": ["full_attention", "sliding_attention"]}, {}),
    "qwen2": ("Qwen2ForCausalLM", {**SIZES, "use_sliding_window": True, "max_window_layers": 1, "sliding_window": 5,
                                   "tie_word_embeddings": True}, {"full": {"use_sliding_window": False}}),
    "qwen3": ("Qwen3ForCausalLM", {**SIZES, "head_dim": 12, "attention_bias": True, "use_sliding_window": True, "sliding_window": 7,
                                   "layer_types": ["sliding_attention", "full_attention"]}, {}),
    "gpt2": ("GPT2LMHeadModel", {**GPT, "n_inner": 40, "scale_attn_by_inverse_layer_idx": True},
             {"plain": {"scale_attn_by_inverse_layer_idx": False},
              "unscaled": {"scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": False}}),
    "gpt_neox": ("GPTNeoXForCausalLM", {**SIZES, "rope_parameters": {"rope_type": "default", "rope_theta": 3000.0,
                                                                     "partial_rotary_factor": 0.5}},
                 {"sequential": {"use_parallel_residual": False}}),
    "gptj": ("GPTJForCausalLM", {**GPT, "rotary_dim": 4, "n_inner": 40}, {}),
    "opt": ("OPTForCausalLM", {**SIZES, "ffn_dim": 40, "word_embed_proj_dim": 32}, {}),
    "bloom": ("BloomForCausalLM", {"vocab_size": 96, "hidden_size": 32, "n_layer": 2, "n_head": 4}, {}),
    "bloom-6-heads": ("BloomForCausalLM", {"vocab_size": 96, "hidden_size": 24, "n_layer": 2, "n_head": 6}, {}),
    "gemma": ("GemmaForCausalLM", {**SIZES, "head_dim": 12}, {}),
    "gemma2": ("Gemma2ForCausalLM", {**GEMMA, "attn_logit_softcapping": 3.0, "final_logit_softcapping": 8.0},
               {"uncapped": {"attn_logit_softcapping": None, "final_logit_softcapping": None}}),
    "gemma3": ("Gemma3ForCausalLM", {**GEMMA, "num_hidden_layers": 3, "final_logit_softcapping": 8.0,
                                     "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
                                     "rope_parameters": {
                                         "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 20000.0},
                                         "sliding_attention": {"rope_type": "default", "rope_theta": 500.0}}}, {}),
    "olmo": ("OlmoForCausalLM", {**SIZES, "attention_bias": True, "clip_qkv": 0.9}, {"unclipped": {"clip_qkv": None}}),
    "olmo-tied": ("OlmoForCausalLM", {**SIZES, "tie_word_embeddings": True, "head_dim": 12, "hidden_act": "gelu_new", "clip_qkv": 2.0,
                                      "rope_parameters": YARN}, {}),
    "olmo2": ("Olmo2ForCausalLM", {**SIZES, "attention_bias": True, "head_dim": 12}, {"llama3": {"rope_parameters": LLAMA3}}),
    "olmo2-tied": ("Olmo2ForCausalLM", {**SIZES, "tie_word_embeddings": True, "num_key_value_heads": 4, "hidden_act": "relu",
                                        "rms_norm_eps": 0.01}, {}),
    "olmo3": ("Olmo3ForCausalLM", {**SIZES, "num_hidden_layers": 4, "attention_bias": True, "sliding_window": 6,
                                   "rope_parameters": {"full_attention": {**YARN, "rope_theta": 3000.0},
                                                       "sliding_attention": {"rope_type": "default", "rope_theta": 500000.0}}}, {}),
    "olmo3-tied": ("Olmo3ForCausalLM", {**SIZES, "tie_word_embeddings": True, "head_dim": 12, "hidden_act": "gelu", "sliding_window": 5,
                                        "layer_types": ["full_attention", "sliding_attention"]}, {}),
    "smollm3": ("SmolLM3ForCausalLM", {**SIZES, "num_hidden_layers": 4, "attention_bias": True, "mlp_bias": True, "sliding_window": 6,
                                       "no_rope_layers": [1, 0, 0, 1], "layer_types": SLIDING, "tie_word_embeddings": False}, {}),
    "smollm3-tied": ("SmolLM3ForCausalLM", {**SIZES, "num_hidden_layers": 4, "head_dim": 12, "use_sliding_window": True,
                                            "sliding_window": 5, "no_rope_layer_interval": 2, "rope_parameters": LLAMA3,
                                            "hidden_act": "gelu_pytorch_tanh"}, {}),
    "phi": ("PhiForCausalLM", {**SIZES, "qk_layernorm": True, "rope_parameters": HALF}, {}),
    "phi-tied": ("PhiForCausalLM", {**SIZES, "num_key_value_heads": 4, "tie_word_embeddings": True, "hidden_act": "relu",
                                    "rope_parameters": {**LLAMA3, "partial_rotary_factor": 0.5}}, {}),
    "phi3": ("Phi3ForCausalLM", {**SIZES, "sliding_window": 6, "original_max_position_embeddings": 2, "rope_parameters": LONGROPE}, {
        "short": {"original_max_position_embeddings": 100, "max_position_embeddings": 200},
        "own-factors": {"rope_parameters": {**LONGROPE, "attention_factor": 1.3, "factor": 3.0}},
    }),
    "phi3-tied": ("Phi3ForCausalLM", {**SIZES, "num_key_value_heads": 4, "tie_word_embeddings": True, "hidden_act": "gelu",
                                      "rope_parameters": {**HALF, "partial_rotary_factor": 0.75}}, {}),
    "granite": ("GraniteForCausalLM", {**SIZES, "attention_bias": True, "mlp_bias": True, "embedding_multiplier": 3.0,
                                       "attention_multiplier": 0.4, "residual_multiplier": 0.7, "logits_scaling": 5.0}, {}),
    "granite-tied": ("GraniteForCausalLM", {**SIZES, "tie_word_embeddings": True, "head_dim": 12, "hidden_act": "gelu", "logits_scaling": 0.5,
                                            "residual_multiplier": 1.5, "rope_parameters": YARN}, {}),
    "stablelm": ("StableLmForCausalLM", {**SIZES, "use_qkv_bias": True, "qk_layernorm": True, "use_parallel_residual": True,
                                         "rope_parameters": HALF}, {}),
    "stablelm-tied": ("StableLmForCausalLM", {**SIZES, "num_key_value_heads": 4, "tie_word_embeddings": True, "hidden_act": "gelu",
                                              "layer_norm_eps": 0.01}, {"yarn": {"rope_parameters": {**YARN, "partial_rotary_factor": 0.5}}}),
    "glm": ("GlmForCausalLM", {**SIZES, "head_dim": 12, "rope_parameters": HALF}, {}),
    "glm-tied": ("GlmForCausalLM", {**SIZES, "num_key_value_heads": 4, "head_dim": 8, "attention_bias": False, "tie_word_embeddings": True,
                                    "hidden_act": "relu"}, {}),
    "glm4": ("Glm4ForCausalLM", {**SIZES, "head_dim": 12}, {"linear": {"rope_parameters": {**HALF, "rope_type": "linear", "factor": 3.0}}}),
    "glm4-tied": ("Glm4ForCausalLM", {**SIZES, "num_key_value_heads": 4, "head_dim": 10, "attention_bias": False, "tie_word_embeddings": True,
                                      "hidden_act": "gelu_new", "rope_parameters": {**HALF, "partial_rotary_factor": 1.0}}, {}),
    "cohere": ("CohereForCausalLM", {**SIZES, "use_qk_norm": True, "attention_bias": True, "logit_scale": 0.3, "tie_word_embeddings": False},
               {}),
    "cohere-tied": ("CohereForCausalLM", {**SIZES, "head_dim": 12, "hidden_act": "gelu", "layer_norm_eps": 0.01, "rope_parameters": LLAMA3},
                    {}),
    "cohere2": ("Cohere2ForCausalLM", {**SIZES, "num_hidden_layers": 4, "attention_bias": True, "sliding_window": 6, "logit_scale": 0.3,
                                       "layer_types": SLIDING, "tie_word_embeddings": False}, {}),
    "cohere2-tied": ("Cohere2ForCausalLM", {**SIZES, "num_key_value_heads": 4, "sliding_window": 5,
                                            "layer_types": ["full_attention", "sliding_attention"]}, {}),
    "starcoder2": ("Starcoder2ForCausalLM", {**SIZES, "sliding_window": 6, "tie_word_embeddings": False}, {"full": {"sliding_window": None}}),
    "starcoder2-tied": ("Starcoder2ForCausalLM", {**SIZES, "use_bias": False, "head_dim": 12, "hidden_act": "relu", "norm_epsilon": 0.01,
                                                  "rope_parameters": YARN}, {}),
    "ministral3": ("Ministral3ForCausalLM", {**SIZES, "head_dim": 12, "sliding_window": 6,
                                             "rope_parameters": {**YARN, "original_max_position_embeddings": 4, "mscale": 1.0,
                                                                 "mscale_all_dim": 0.5, "llama_4_scaling_beta": 0.5}}, {}),
    "ministral3-tied": ("Ministral3ForCausalLM", {**SIZES, "num_key_value_heads": 4, "head_dim": 10, "tie_word_embeddings": True,
                                                  "hidden_act": "gelu",
                                                  "rope_parameters": {"rope_type": "default", "rope_theta": 3000.0, "llama_4_scaling_beta": 0.3,
                                                                      "original_max_position_embeddings": 8}}, {}),
    "apertus": ("ApertusForCausalLM", {**SIZES, "attention_bias": True, "head_dim": 12}, {"llama3": {"rope_parameters": LLAMA3}}),
    "apertus-tied": ("ApertusForCausalLM", {**SIZES, "num_key_value_heads": 4, "tie_word_embeddings": True, "hidden_act": "gelu",
                                            "rope_parameters": YARN}, {}),
    "falcon": ("FalconForCausalLM", {**FALCON, "num_kv_heads": 2, "new_decoder_architecture": True, "bias": True, "ffn_hidden_size": 40,
                                     "tie_word_embeddings": False, "activation": "gelu_new"}, {}),
    "falcon-one-norm": ("FalconForCausalLM", {**FALCON, "num_kv_heads": 4, "new_decoder_architecture": True, "num_ln_in_parallel_attn": 1,
                                              "layer_norm_epsilon": 0.01}, {}),
    "falcon-multi-query": ("FalconForCausalLM", FALCON, {"dynamic": {"max_position_embeddings": 16, "rope_parameters": {
        "rope_type": "dynamic", "rope_theta": 10000.0, "factor": 2.0}}}),
    "falcon-alibi": ("FalconForCausalLM", {**FALCON, "hidden_size": 48, "num_attention_heads": 6, "multi_query": False, "parallel_attn": False,
                                           "alibi": True, "bias": True}, {}),
    "falcon-alibi-multi-query": ("FalconForCausalLM", {**FALCON, "alibi": True, "tie_word_embeddings": False}, {}),
    "mixtral": ("MixtralForCausalLM", {**SIZES, "num_local_experts": 5, "num_experts_per_tok": 3, "head_dim": 12, "sliding_window": 6},
                {"full": {"sliding_window": None}}),
    "mixtral-tied": ("MixtralForCausalLM", {**SIZES, "num_key_value_heads": 4, "head_dim": 10, "num_local_experts": 3, "num_experts_per_tok": 1,
                                            "tie_word_embeddings": True, "hidden_act": "gelu", "rope_parameters": YARN}, {}),
    "olmoe": ("OlmoeForCausalLM", {**SIZES, "num_experts": 5, "num_experts_per_tok": 3, "attention_bias": True, "clip_qkv": 0.9},
              {"normalized": {"norm_topk_prob": True, "clip_qkv": None}}),
    "olmoe-tied": ("OlmoeForCausalLM", {**SIZES, "num_key_value_heads": 4, "num_experts": 4, "num_experts_per_tok": 4,
                                        "tie_word_embeddings": True, "hidden_act": "relu", "rope_parameters": LLAMA3}, {}),
    "qwen2_moe": ("Qwen2MoeForCausalLM", {**SIZES, "num_hidden_layers": 4, "num_experts": 4, "num_experts_per_tok": 2,
                                          "moe_intermediate_size": 12, "shared_expert_intermediate_size": 20, "mlp_only_layers": [1],
                                          "use_sliding_window": True, "sliding_window": 6, "max_window_layers": 3}, {}),
    "qwen2_moe-tied": ("Qwen2MoeForCausalLM", {**SIZES, "num_key_value_heads": 4, "num_experts": 3, "num_experts_per_tok": 2,
                                               "moe_intermediate_size": 10, "shared_expert_intermediate_size": 8, "decoder_sparse_step": 2,
                                               "norm_topk_prob": True, "qkv_bias": False, "tie_word_embeddings": True, "hidden_act": "gelu"}, {}),
    "qwen3_moe": ("Qwen3MoeForCausalLM", {**SIZES, "head_dim": 12, "attention_bias": True, "num_experts": 4, "num_experts_per_tok": 2,
                                          "moe_intermediate_size": 12, "use_sliding_window": True, "sliding_window": 6}, {}),
    "qwen3_moe-tied": ("Qwen3MoeForCausalLM", {**SIZES, "num_hidden_layers": 3, "num_key_value_heads": 4, "head_dim": 10, "num_experts": 5,
                                               "num_experts_per_tok": 3, "moe_intermediate_size": 10, "mlp_only_layers": [0],
                                               "norm_topk_prob": True, "tie_word_embeddings": True, "rope_parameters": YARN}, {}),
    "mpt": ("MptForCausalLM", {**MPT, "tie_word_embeddings": False,
                               "attn_config": {"clip_qkv": 0.9, "softmax_scale": 0.4}}, {}),
    "mpt-6-heads": ("MptForCausalLM", {**MPT, "d_model": 24, "n_heads": 6, "layer_norm_epsilon": 0.03}, {}),
}  # fmt: skip

# The same configuration as older versions wrote it, which most published models still carry.
OLDER = {
    "gpt_neox": ({"rope_parameters"}, {"rotary_pct": 0.5, "rotary_emb_base": 3000.0}),
    "ministral": (set(), {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}),
    "gemma3": ({"rope_parameters", "layer_types", "_sliding_window_pattern"},
               {"rope_theta": 20000.0, "rope_local_base_freq": 500.0, "sliding_window_pattern": 2,
                "rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
    # the base beside the rest is not that of layers with a window
    "olmo3": ({"rope_parameters", "layer_types"},
              {"rope_theta": 3000.0, "rope_scaling": {key: value for key, value in YARN.items() if key != "rope_theta"}}),
    "smollm3-tied": ({"no_rope_layers", "layer_types", "tie_word_embeddings"}, {}),
    "phi": ({"rope_parameters"}, {"rope_theta": 3000.0, "partial_rotary_factor": 0.5}),
    "phi3": ({"rope_parameters"}, {"partial_rotary_factor": 0.5, "rope_scaling": {"type": "longrope", "short_factor": LONGROPE["short_factor"],
                                                                                  "long_factor": LONGROPE["long_factor"]}}),
    "stablelm-tied": ({"rope_parameters"}, {"rope_theta": 10000, "partial_rotary_factor": 0.25}),
    "glm4": ({"rope_parameters"}, {}),
    "cohere2": ({"layer_types"}, {"sliding_window_pattern": 2}),
    "apertus": ({"rope_parameters"}, {}),
    "mpt": (set(), {"architectures": ["MPTForCausalLM"]}),
}  # fmt: skip


EXPERTS = {"Mixtral": ("block_sparse_moe", "w1", "w3", "w2")}  # what files call experts' matrices, where it is not as for the others


def stored(name, parameter, tensor):
    """(name in files, part of the tensor) of a parameter: transformers 5 stacks experts, and renames some modules."""
    block, gate, up, down = EXPERTS.get(name.removesuffix("ForCausalLM"), ("mlp", "gate_proj", "up_proj", "down_proj"))
    head, _, tail = parameter.partition(".mlp.experts.")
    if tail == "gate_up_proj":
        for expert, both in enumerate(tensor):
            for part, matrix in zip((gate, up), both.chunk(2)):
                yield f"{head}.{block}.experts.{expert}.{part}.weight", matrix
    elif tail == "down_proj":
        for expert, matrix in enumerate(tensor):
            yield f"{head}.{block}.experts.{expert}.{down}.weight", matrix
    elif name == "GPTNeoXForCausalLM" and parameter == "lm_head.weight":
        yield "embed_out.weight", tensor
    else:
        yield parameter.replace(".mlp.gate.", f".{block}.gate."), tensor


def class_of(name):
    model_class = getattr(transformers, name)
    return model_class, model_class.config_class


def configure(name, keys):
    _, config_class = class_of(name)
    return config_class(**copy.deepcopy({**IDS, **keys}), attn_implementation=attention_of(name), experts_implementation="eager",
                        dtype="float32")  # fmt: skip


def attention_of(name):
    """Falcon's "eager" adds ALiBi twice, "sdpa", which is what AutoModel takes, once."""
    return "sdpa" if name == "FalconForCausalLM" else "eager"


def build(name, config, weights=None, seed=20240509):
    """A model in float32 whose values all fit into float16. Dropout is off (eval), gradients are on."""
    torch.manual_seed(seed)
    model = class_of(name)[0](copy.deepcopy(config)).float().eval()
    if weights is not None:
        model.load_state_dict(weights)
        return model
    low = -0.5 if "Gemma" in name else 0.5  # Gemma stores its gains less one
    with torch.no_grad():
        for parameter_name, weight in model.named_parameters():
            # Wide: with the usual 0.02 attention is uniform and a wrong mask goes unnoticed.
            if weight.dim() > 1:
                weight.normal_(0, 0.25)
            elif parameter_name.endswith("bias"):
                weight.normal_(0, 0.2)
            else:
                weight.uniform_(low, low + 1)
            weight.copy_(weight.half().float())
    return model
