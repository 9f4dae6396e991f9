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
}  # fmt: skip

# The same configuration as older versions wrote it, which most published models still carry.
OLDER = {
    "gpt_neox": ({"rope_parameters"}, {"rotary_pct": 0.5, "rotary_emb_base": 3000.0}),
    "ministral": (set(), {"architectures": ["MistralForCausalLM"], "model_type": "mistral"}),
    "gemma3": ({"rope_parameters", "layer_types", "_sliding_window_pattern"},
               {"rope_theta": 20000.0, "rope_local_base_freq": 500.0, "sliding_window_pattern": 2,
                "rope_scaling": {"rope_type": "linear", "factor": 4.0}}),
}  # fmt: skip


def class_of(name):
    model_class = getattr(transformers, name)
    return model_class, model_class.config_class


def configure(name, keys):
    _, config_class = class_of(name)
    return config_class(**copy.deepcopy({**IDS, **keys}), attn_implementation="eager", dtype="float32")


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
